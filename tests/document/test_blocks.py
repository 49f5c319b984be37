from pages import Page

from hybridff.document.blocks import Code, Document, Fact, Picture, Section, Table

EXAMPLE = Document(
    "A <title>",
    (
        Section(
            "First & last",
            ("One < two.", "Second sentence."),
            Table(("a", "b"), (("1", "<2>"), ("3", "4"))),
            (Picture(b"\x89PNG", 'what "is" seen'),),
            more=("Later.", Table(("c",), (("5",),), "All of it", folded=True), Code("a < b")),
        ),
        Section("Other"),
        Section("On the page", ("Long.",), page_only=True),
    ),
    facts=(Fact("Errors", "<0.1", "of <all>", "good"),),
)


def test_markdown_has_titles_sentences_and_tables():
    assert EXAMPLE.markdown() == (
        "# A <title>\n\n## First & last\n\nOne < two.\n\nSecond sentence.\n\n"
        "| a | b |\n| --- | --- |\n| 1 | <2> |\n| 3 | 4 |\n\n## Other\n"
    )


def test_a_page_is_well_formed_escaped_and_needs_no_network():
    text = EXAMPLE.html()
    page = Page(text)
    assert {"A <title>", "First & last", "One < two.", "<2>", "<0.1", "of <all>", "Long."} <= set(page.texts)
    assert [address for address in page.addresses if not address.startswith("#")] == ["data:image/png;base64,iVBORw=="]
    assert 'alt="what &quot;is&quot; seen"' in text
    assert "http" not in text
    assert page.codes == ["a < b"]
    assert "script" not in page.tags


def test_every_section_has_a_heading_that_the_contents_lead_to():
    page = Page(EXAMPLE.html())
    assert page.headings == [1, 2, 2, 2]
    assert page.ids == ["first-last", "other", "on-the-page"]
    assert {"#first-last", "#other", "#on-the-page"} <= set(page.addresses)


def test_a_long_table_is_folded_below_its_caption():
    text = EXAMPLE.html()
    assert "<details><summary>All of it</summary>" in text


def test_sections_can_be_left_out():
    assert [one.title for one in EXAMPLE.without("Other").sections] == ["First & last", "On the page"]
    assert EXAMPLE.without("Other").facts == EXAMPLE.facts


def test_sections_of_equal_names_have_addresses_of_their_own():
    page = Page(Document("Two", (Section("Same"), Section("Same"), Section("²"))).html())
    assert len(set(page.ids)) == 3


def test_a_wide_picture_stands_alone() -> None:
    narrow, wide = Picture(b"<svg/>", "narrow"), Picture(b"<svg/>", "wide", wide=True)
    page = Document("t", (Section("s", pictures=(narrow, wide)),)).html()
    assert '<figure class="wide"><img alt="wide"' in page
    assert '<figure><img alt="narrow"' in page


def test_a_table_is_a_csv_file():
    table = Table(("name", "x [Å]"), (("a, b", "1"), ('"c"', "")))
    assert table.csv() == 'name,x [Å]\n"a, b",1\n"""c""",\n'
