"""From files to fitted molecules."""
