try:
    import nowhere
except ImportError:
    pass
else:
    from acme.money import to_text
