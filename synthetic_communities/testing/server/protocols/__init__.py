"""The protocols that the server speaks, each as strict as the real one."""
