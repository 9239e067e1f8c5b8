"""AWS on loopback: moto, with Lambda's control plane answered as AWS's API reference says."""
