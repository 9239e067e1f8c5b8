"""HTTP and AWS requests of functions: TLS is ended here, and recorded answers are given."""
