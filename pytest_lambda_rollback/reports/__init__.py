"""Reports turn results into text or files. They decide nothing."""
