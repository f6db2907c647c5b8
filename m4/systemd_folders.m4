dnl Where systemd looks for units, users and folders of a package. Below /usr that is its own
dnl business and pkg-config knows; a make install elsewhere writes nothing outside its prefix
dnl (systemd looks into /usr/local, too).
AC_DEFUN([AVEDGE_SYSTEMD_FOLDERS], [
	AVEDGE_SYSTEMD_FOLDER([systemdsystemunitdir], [units], [systemd/system])
	AVEDGE_SYSTEMD_FOLDER([sysusersdir], [users], [sysusers.d])
	AVEDGE_SYSTEMD_FOLDER([tmpfilesdir], [folders to make], [tmpfiles.d])
])

dnl (variable, what lies there, folder below lib)
AC_DEFUN([AVEDGE_SYSTEMD_FOLDER], [
	AC_ARG_WITH([$1],
		[AS_HELP_STRING([--with-$1=DIR], [systemd: folder of $2])],
		[$1=$withval],
		[AS_IF([test "$prefix" = /usr], [PKG_CHECK_VAR([$1], [systemd], [$1])])
		AS_IF([test -z "$$1"], [$1='${prefix}/lib/$3'])])
	AC_SUBST([$1])
])
