"""Forms of the pages. They convert submitted text to the arguments of an operation, which checks the values."""
