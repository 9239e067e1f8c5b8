"""Event sources: the services that invoke functions, and how they read the answers.

`interface` says what a source declares, `registry` lists the sources, and every other module is
one source (or close siblings). `answers` has the rules that several sources share.
"""
