"""One short module per verb: load artifacts, call, save the artifact, say what came out.

A command is a plain function: ``fasterseg train --data street`` calls
``fasterseg.train(data="street")``.  It returns its result; the command line prints it, as JSON
when asked to.  Modules here import torch inside functions only, so that ``--help`` is instant.
"""
