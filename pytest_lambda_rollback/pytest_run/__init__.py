"""Everything that knows pytest, but for the options and the hook specifications."""
