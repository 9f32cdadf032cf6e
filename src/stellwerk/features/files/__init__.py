"""Files of a project: uploaded, listed, read and deleted; also in parts."""
