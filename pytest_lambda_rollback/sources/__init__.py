"""Steps that find versions, artefacts and events. They use no engine and no verdict.

How they fail: a function that reads one thing returns it or raises SourceError (ConfigError for a
mistake of the user's), with what failed, why, and what to do. ``None`` means that the thing is
not there, which is not a failure. Where one of many may fail and the others go on, the error is
the value of that one, as in `aws.AwsFunctions.read`; it is a RollbackError that was raised for it.
Pure decisions raise ValueError, which the caller at the edge turns into one of these.
"""
