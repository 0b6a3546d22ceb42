"""What every page of the house shares: its style, its drawings, how it writes numbers and shows strangers' text."""
