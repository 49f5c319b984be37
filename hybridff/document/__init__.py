"""Documents: sections, tables and pictures, as Markdown and HTML."""
