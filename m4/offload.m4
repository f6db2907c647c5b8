dnl AVEDGE_OFFLOAD: can the kernel plane be built? It needs a compiler for BPF, bpftool, which makes a
dnl skeleton of what that compiles, and libbpf.
AC_DEFUN([AVEDGE_OFFLOAD], [
	AC_ARG_WITH([offload],
		[AS_HELP_STRING([--with-offload=auto|yes|no],
			[build the kernel plane (clang, bpftool, libbpf) @<:@auto@:>@])],
		[], [with_offload=auto])
	AS_CASE([$with_offload], [auto | yes | no], [],
		[AC_MSG_ERROR([--with-offload=$with_offload: write auto, yes or no])])
	avedge_offload="not wanted"
	WITH_OFFLOAD=no
	AS_IF([test "$with_offload" != no], [
		AC_PATH_PROG([BPF_CLANG], [clang])
		AC_PATH_PROG([BPFTOOL], [bpftool], [], [$PATH$PATH_SEPARATOR/usr/sbin$PATH_SEPARATOR/sbin])
		PKG_CHECK_MODULES([BPF], [libbpf >= 1.1], [avedge_libbpf=yes], [avedge_libbpf=no])
		dnl Where Debian has <asm/types.h>; -target bpf does not look there.
		BPF_CPPFLAGS=
		avedge_multiarch=`$CC -print-multiarch 2>/dev/null`
		AS_IF([test -n "$avedge_multiarch" && test -d "/usr/include/$avedge_multiarch"],
			[BPF_CPPFLAGS="-idirafter /usr/include/$avedge_multiarch"])
		AS_IF([test -z "$BPF_CLANG"],
			[avedge_offload="clang is missing; install the Debian package clang"],
			[test -z "$BPFTOOL"],
			[avedge_offload="bpftool is missing; install the Debian package bpftool"],
			[test $avedge_libbpf = no],
			[avedge_offload="libbpf >= 1.1 is missing; install the Debian package libbpf-dev"],
			[_AVEDGE_BPF_COMPILES([WITH_OFFLOAD=yes; avedge_offload=yes],
				[avedge_offload="$BPF_CLANG cannot compile for BPF; see config.log"])])
		AS_IF([test "$with_offload$WITH_OFFLOAD" = yesno], [AC_MSG_ERROR([$avedge_offload])])
	])
	AS_IF([test $WITH_OFFLOAD = no], [avedge_left_out="$avedge_left_out kernel-plane"])
	AM_CONDITIONAL([WITH_OFFLOAD], [test $WITH_OFFLOAD = yes])
	AC_SUBST([BPF_CPPFLAGS])
])

dnl _AVEDGE_BPF_COMPILES(IF-YES, IF-NO): atomic operations that return the old value came late.
AC_DEFUN([_AVEDGE_BPF_COMPILES], [
	AC_MSG_CHECKING([whether $BPF_CLANG compiles for BPF])
	cat >conftest.bpf.c <<'_AVEDGE_EOF'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
unsigned long long counter;
SEC("tc") int program(struct __sk_buff *skb)
{
	return __sync_fetch_and_add(&counter, skb->len) > 1;
}
_AVEDGE_EOF
	AS_IF([AS_ECHO(["$BPF_CLANG -target bpf -mcpu=v3"]) >&AS_MESSAGE_LOG_FD
		$BPF_CLANG -O2 -g -mcpu=v3 -target bpf $BPF_CFLAGS $BPF_CPPFLAGS \
			-c conftest.bpf.c -o conftest.bpf.o >&AS_MESSAGE_LOG_FD 2>&1 &&
		$BPFTOOL gen skeleton conftest.bpf.o name conftest >/dev/null 2>&AS_MESSAGE_LOG_FD],
		[AC_MSG_RESULT([yes])
		$1],
		[AC_MSG_RESULT([no])
		$2])
	rm -f conftest.bpf.c conftest.bpf.o
])
