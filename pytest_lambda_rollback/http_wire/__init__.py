"""HTTP/1.1 on a byte stream, for all parts that are servers."""
