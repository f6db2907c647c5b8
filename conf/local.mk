# conf/: what an administrator starts from. Not installed into sysconfdir: it would overwrite.
dist_doc_DATA = conf/mediarelayd.conf conf/mrasd.conf
