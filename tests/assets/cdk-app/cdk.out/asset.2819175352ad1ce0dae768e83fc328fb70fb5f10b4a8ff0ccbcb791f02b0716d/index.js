// The code of a function that CDK adds is left out here.
