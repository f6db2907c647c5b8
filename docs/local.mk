# docs/

dist_man_MANS += docs/avedgectl.1

dist_man_MANS += docs/mediarelayd.8 docs/mediarelayd.conf.5

EXTRA_DIST += docs/requirements.md

dist_man_MANS += docs/avedge-load.1
