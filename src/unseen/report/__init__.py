"""The report: HTML pages, tables and charts of the results."""
