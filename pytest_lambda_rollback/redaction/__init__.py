"""Redaction: secrets and personal data in events, and the pseudonyms that replace them."""
