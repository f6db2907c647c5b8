# docs/

dist_man_MANS += docs/avedgectl.1
