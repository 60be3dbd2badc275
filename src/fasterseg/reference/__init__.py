"""What users may write, described: keys of recipes and data files, their schemas, files with words.

All of it is made from the schemas that read these files, whose keys carry their sentences.
"""
