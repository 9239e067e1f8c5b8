"""How services read the answers of functions: rules that several event sources share."""
