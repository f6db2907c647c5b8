dnl AVEDGE_COMPLETION
dnl bashcompletiondir, zshcompletiondir and fishcompletiondir: where the shells look for the completion
dnl of a command. A distribution's packages may have a zsh directory of their own.
AC_DEFUN([AVEDGE_COMPLETION], [
	AC_ARG_WITH([bashcompletiondir],
		[AS_HELP_STRING([--with-bashcompletiondir=DIR],
			[directory of bash completions])],
		[bashcompletiondir=$withval],
		[bashcompletiondir=`$PKG_CONFIG --define-variable=prefix='${prefix}' \
			--define-variable=datadir='${datadir}' \
			--variable=completionsdir bash-completion 2>/dev/null`
		AS_IF([test -z "$bashcompletiondir"],
			[bashcompletiondir='${datadir}/bash-completion/completions'])])
	AC_SUBST([bashcompletiondir])
	AC_ARG_WITH([zshcompletiondir],
		[AS_HELP_STRING([--with-zshcompletiondir=DIR],
			[directory of zsh completions])],
		[zshcompletiondir=$withval],
		[zshcompletiondir='${datadir}/zsh/site-functions'])
	AC_SUBST([zshcompletiondir])
	AC_ARG_WITH([fishcompletiondir],
		[AS_HELP_STRING([--with-fishcompletiondir=DIR],
			[directory of fish completions])],
		[fishcompletiondir=$withval],
		[fishcompletiondir='${datadir}/fish/vendor_completions.d'])
	AC_SUBST([fishcompletiondir])
])
