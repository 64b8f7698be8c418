// Containers of GCC 11 and later call this function of libstdc++, which the libraries of Debian 10, Ubuntu 20.04 and
// RHEL 8 lack, though Node 20 runs there. Defined here, a prebuild made by a newer compiler loads on them. It is
// reached only when a container is asked for more elements than there are addresses.
#include <cstdlib>
#include <vector>

#if defined(__GLIBCXX__)
namespace std {

void __throw_bad_array_new_length() { abort(); }

}  // namespace std
#endif
