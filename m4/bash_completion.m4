dnl Where bash looks for the completion of a command: bash-completion knows, but a make install
dnl writes nothing outside its prefix.
AC_DEFUN([AVEDGE_BASH_COMPLETION], [
	AC_ARG_WITH([bashcompletiondir],
		[AS_HELP_STRING([--with-bashcompletiondir=DIR],
			[folder of completions for bash])],
		[bashcompletiondir=$withval],
		[bashcompletiondir=`$PKG_CONFIG --define-variable=prefix='${prefix}' \
			--define-variable=datadir='${datadir}' \
			--variable=completionsdir bash-completion 2>/dev/null`
		AS_IF([test -z "$bashcompletiondir"],
			[bashcompletiondir='${datadir}/bash-completion/completions'])])
	AC_SUBST([bashcompletiondir])
])
