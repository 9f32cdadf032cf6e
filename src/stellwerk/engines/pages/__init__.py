"""ColPali, ColQwen2 and their kind: pages and questions as many vectors each (extra `pages`)."""
