dnl Compiler flags and dependencies of avedge.

dnl _AVEDGE_LINKS(COMPILE-AND-LINK-FLAGS, LINK-FLAGS, IF-YES, IF-NO)
dnl Warnings are errors in this test, because clang only warns about an unknown flag.
AC_DEFUN([_AVEDGE_LINKS], [
	avedge_save_cflags=$CFLAGS
	avedge_save_ldflags=$LDFLAGS
	CFLAGS="$CFLAGS -Werror $1"
	LDFLAGS="$LDFLAGS $2"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <string.h>]],
		[[char text[4]; memset(text, 0, sizeof(text)); return text[0];]])],
		[avedge_links=yes], [avedge_links=no])
	CFLAGS=$avedge_save_cflags
	LDFLAGS=$avedge_save_ldflags
	AS_IF([test $avedge_links = yes], [$3], [$4])
])

dnl AVEDGE_ADD_CFLAGS(VARIABLE, WORD, FLAGS)
dnl Append to VARIABLE those FLAGS that the compiler accepts, and the others to avedge_left_out.
dnl Needs one compiler run in the usual case that it accepts them all.
AC_DEFUN([AVEDGE_ADD_CFLAGS], [
	AC_MSG_CHECKING([for compiler flags: $2])
	avedge_refused=
	_AVEDGE_LINKS([$3], [], [$1="$$1 $3"], [
		for avedge_flag in $3; do
			_AVEDGE_LINKS([$avedge_flag], [], [$1="$$1 $avedge_flag"],
				[avedge_refused="$avedge_refused $avedge_flag"])
		done
	])
	avedge_left_out="$avedge_left_out$avedge_refused"
	AS_IF([test -z "$avedge_refused"], [AC_MSG_RESULT([all])],
		[AC_MSG_RESULT([all but$avedge_refused])])
])

dnl AVEDGE_ADD_PAIR(COMPILE-FLAG, LINK-FLAG): one hardening measure.
AC_DEFUN([AVEDGE_ADD_PAIR], [
	AC_MSG_CHECKING([for m4_normalize([$1 $2])])
	_AVEDGE_LINKS([$1], [$2], [
		HARDEN_CFLAGS="$HARDEN_CFLAGS m4_normalize([$1])"
		HARDEN_LDFLAGS="$HARDEN_LDFLAGS m4_normalize([$2])"
		AC_MSG_RESULT([yes])
	], [
		avedge_left_out="$avedge_left_out m4_normalize([$1 $2])"
		AC_MSG_RESULT([no])
	])
])

AC_DEFUN([AVEDGE_WARNINGS], [
	WARN_CFLAGS=
	AVEDGE_ADD_CFLAGS([WARN_CFLAGS], [warnings], m4_normalize([
		-Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion
		-Wstrict-prototypes -Wmissing-prototypes -Wmissing-declarations
		-Wold-style-definition -Wredundant-decls -Wnested-externs
		-Wpointer-arith -Wcast-align -Wcast-qual -Wwrite-strings
		-Wformat=2 -Wundef -Wvla -Wswitch-enum -Wimplicit-fallthrough
		-Wnull-dereference -Wdouble-promotion -Wstack-usage=65536
		-Wlogical-op -Wduplicated-cond -Walloca]))
	AS_IF([test "$enable_dev" = yes],
		[WARN_CFLAGS="$WARN_CFLAGS -Werror"; avedge_warnings="errors (--enable-dev)"],
		[avedge_warnings="shown"])
	AC_SUBST([WARN_CFLAGS])
])

AC_DEFUN([AVEDGE_HARDENING], [
	HARDEN_CPPFLAGS=
	HARDEN_CFLAGS=
	HARDEN_LDFLAGS=
	AVEDGE_ADD_CFLAGS([HARDEN_CFLAGS], [hardening], m4_normalize([
		-fstack-protector-strong -fstack-clash-protection -fcf-protection
		-ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks]))
	AVEDGE_ADD_PAIR([-fPIE], [-pie])
	AVEDGE_ADD_PAIR([], [-Wl,-z,relro,-z,now])
	AVEDGE_ADD_PAIR([], [-Wl,-z,noexecstack])

	dnl Fortification needs an optimiser, and conflicts with the sanitizers' own checks of the
	dnl same calls.
	avedge_optimising=no
	for avedge_flag in $CFLAGS; do
		AS_CASE([$avedge_flag], [-O0], [avedge_optimising=no], [-O*], [avedge_optimising=yes])
	done
	AS_IF([test $avedge_optimising = yes && test "$enable_sanitizer" = no &&
	       test "$enable_fuzzer" = no], [
		AC_MSG_CHECKING([for the level of _FORTIFY_SOURCE])
		_AVEDGE_LINKS([-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3], [], [avedge_fortify=3],
			[avedge_fortify=2])
		HARDEN_CPPFLAGS="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$avedge_fortify"
		AC_MSG_RESULT([$avedge_fortify])
	], [HARDEN_CPPFLAGS="-U_FORTIFY_SOURCE"])
	AC_SUBST([HARDEN_CPPFLAGS])
	AC_SUBST([HARDEN_CFLAGS])
	AC_SUBST([HARDEN_LDFLAGS])
])

AC_DEFUN([AVEDGE_SANITIZER], [
	SANITIZER_CFLAGS=
	SANITIZER_LDFLAGS=
	AS_IF([test "$enable_sanitizer" = yes], [enable_sanitizer=address,undefined])
	AS_IF([test "$enable_sanitizer" != no], [
		SANITIZER_CFLAGS="-fsanitize=$enable_sanitizer -fno-omit-frame-pointer"
		AS_CASE([,$enable_sanitizer,], [*,undefined,*],
			[SANITIZER_CFLAGS="$SANITIZER_CFLAGS -fno-sanitize-recover=all"])
		SANITIZER_LDFLAGS="-fsanitize=$enable_sanitizer"
		AC_MSG_CHECKING([for $SANITIZER_CFLAGS])
		_AVEDGE_LINKS([$SANITIZER_CFLAGS], [], [AC_MSG_RESULT([yes])], [
			AC_MSG_RESULT([no])
			AC_MSG_ERROR([$CC cannot build with -fsanitize=$enable_sanitizer])
		])
	])
	dnl debug_assert() in base/debug_assert.h: for builds that look for faults.
	CHECK_CPPFLAGS=
	AS_IF([test "$enable_dev" = yes || test "$enable_sanitizer" != no],
		[CHECK_CPPFLAGS=-DAVEDGE_CHECK_INVARIANTS])
	AC_SUBST([CHECK_CPPFLAGS])
	AC_SUBST([SANITIZER_CFLAGS])
	AC_SUBST([SANITIZER_LDFLAGS])
])

AC_DEFUN([AVEDGE_FUZZER], [
	FUZZER_CFLAGS=
	FUZZER_LDFLAGS=
	avedge_fuzzing="corpora replayed by make check"
	AS_IF([test "$enable_fuzzer" != no], [
		AC_MSG_CHECKING([for libFuzzer])
		_AVEDGE_LINKS([-fsanitize=fuzzer-no-link], [], [AC_MSG_RESULT([yes])], [
			AC_MSG_RESULT([no])
			AC_MSG_ERROR([--enable-fuzzer needs CC=clang and its runtime; install the Debian packages clang and libclang-rt-14-dev])
		])
		FUZZER_CFLAGS="-fsanitize=fuzzer-no-link"
		FUZZER_LDFLAGS="-fsanitize=fuzzer"
		avedge_fuzzing="libFuzzer programs, run them with make fuzz"
	])
	AM_CONDITIONAL([ENABLE_FUZZER], [test "$enable_fuzzer" != no])
	AC_SUBST([FUZZER_CFLAGS])
	AC_SUBST([FUZZER_LDFLAGS])
])

dnl AVEDGE_NEED(VARIABLE-PREFIX, PKG-CONFIG-MODULES, DEBIAN-PACKAGE)
AC_DEFUN([AVEDGE_NEED], [
	PKG_CHECK_MODULES([$1], [$2], [],
		[AC_MSG_ERROR([$2 not found; install the Debian package $3 (or run scripts/install-deps)])])
])
