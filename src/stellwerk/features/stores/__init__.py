"""Vector stores: files of a project, cut into chunks that are found by meaning and by words."""
