"""One short module per verb: its signature, its help, its result, and one call into the pipeline.

A command is a plain function: ``fasterseg train --data street`` calls
``fasterseg.train(data="street")``.  It returns its result; the command line prints it, as JSON
when asked to.  What it calls is imported inside the function, so that ``--help`` is instant.
"""
