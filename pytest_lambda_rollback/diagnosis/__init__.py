"""Names the cause of a break: a layer, a distribution, the runtime, the event, or the code.

It works on values and asks what it cannot know (does this hybrid break too?) through callbacks.
It imports no step, opens no file and starts nothing. It states only what it can show: no
cause is better than a wrong one.
"""
