/*
 * link_core.c - proves by being linked that the core needs no event loop, log or daemon
 * library. See local.mk for what it is linked with.
 */
int main(void)
{
	return 0;
}
