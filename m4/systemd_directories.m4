dnl Where systemd looks for a package's units, users and directories. With prefix /usr, pkg-config
dnl knows; with any other prefix, make install writes nothing outside it (systemd also looks into
dnl /usr/local).
AC_DEFUN([AVEDGE_SYSTEMD_DIRECTORIES], [
	AVEDGE_SYSTEMD_DIRECTORY([systemdsystemunitdir], [units], [systemd/system])
	AVEDGE_SYSTEMD_DIRECTORY([sysusersdir], [users], [sysusers.d])
	AVEDGE_SYSTEMD_DIRECTORY([tmpfilesdir], [directories to create], [tmpfiles.d])
])

dnl (variable, what it contains, directory below lib)
AC_DEFUN([AVEDGE_SYSTEMD_DIRECTORY], [
	AC_ARG_WITH([$1],
		[AS_HELP_STRING([--with-$1=DIR], [systemd: directory of $2])],
		[$1=$withval],
		[AS_IF([test "$prefix" = /usr], [PKG_CHECK_VAR([$1], [systemd], [$1])])
		AS_IF([test -z "$$1"], [$1='${prefix}/lib/$3'])])
	AC_SUBST([$1])
])
