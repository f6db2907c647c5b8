dnl Where bash looks for completions: bash-completion knows, but make install must write nothing
dnl outside its prefix.
AC_DEFUN([AVEDGE_BASH_COMPLETION], [
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
])
