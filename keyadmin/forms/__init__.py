"""Forms of the pages: they shape the input of an operation, which decides whether the values are accepted."""
