# tools/: avedgectl and avedge-load. Link with $(TOOLS_LIBS).
