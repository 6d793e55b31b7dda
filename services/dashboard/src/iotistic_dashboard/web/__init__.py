"""What every page has in common: cookies, forms, headers, templates, files."""
