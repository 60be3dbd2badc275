"""What a training needs before its first step: its network, what it begins with, its teacher."""
