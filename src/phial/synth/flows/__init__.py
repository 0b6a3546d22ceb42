"""The built-in flows, one a file; `phial.synth.flow_by_name` finds them."""
