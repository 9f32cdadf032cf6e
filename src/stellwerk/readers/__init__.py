"""Documents as pages of text and pictures, read in a child process that has limits."""
