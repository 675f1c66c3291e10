# SPDX-License-Identifier: Apache-2.0
#
# The libraries we stand on. `tools/deps` provides them all: from the system, or as static archives
# in .deps/, which are looked at first.

set(ENV{PKG_CONFIG_PATH} "${CMAKE_SOURCE_DIR}/.deps/lib/pkgconfig:$ENV{PKG_CONFIG_PATH}")
find_package(PkgConfig REQUIRED)

# cr_dep(name module...): the target cr_dep_<name> brings headers and libraries of these modules.
function(cr_dep name)
    pkg_check_modules(CR_${name} QUIET IMPORTED_TARGET ${ARGN})
    if(NOT CR_${name}_FOUND)
        message(FATAL_ERROR "not found: ${ARGN}; run tools/deps (make does)")
    endif()
    add_library(cr_dep_${name} INTERFACE)
    target_link_libraries(cr_dep_${name} INTERFACE PkgConfig::CR_${name})
endfunction()

cr_dep(blake3 "libblake3>=1.8.0")
cr_dep(openssl "libssl>=3.5.0" "libcrypto>=3.5.0")
cr_dep(ngtcp2 "libngtcp2_crypto_ossl>=1.22.1" "libngtcp2>=1.22.1" "libssl>=3.5.0" "libcrypto>=3.5.0")
cr_dep(lmdb lmdb)
cr_dep(mhd libmicrohttpd)
cr_dep(jansson jansson)
cr_dep(inih inih)
cr_dep(cmocka cmocka)
