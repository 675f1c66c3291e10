# SPDX-License-Identifier: Apache-2.0
#
# Warnings, hardening and sanitizers, for every file of ours. Flags that one of the supported
# compilers does not know are tried first.

include(CheckCCompilerFlag)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

function(cr_try_flags)
    foreach(flag ${ARGN})
        string(MAKE_C_IDENTIFIER "CR_HAS${flag}" known)
        check_c_compiler_flag("-Werror ${flag}" ${known})
        if(${known})
            add_compile_options(${flag})
        endif()
    endforeach()
endfunction()

set(CMAKE_REQUIRED_QUIET ON)
add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wvla -Wundef
    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wcast-align -Wcast-qual
    -Wpointer-arith -Wwrite-strings -Wformat=2 -Wdouble-promotion -Wimplicit-fallthrough
    -fno-common -fstack-protector-strong "-fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=")
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
    # Limits are unnamed enums, and comparing two of them is fine; clang minds only the named ones.
    add_compile_options(-Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init
        -Wno-enum-compare)
endif()
if(CR_WERROR)
    add_compile_options(-Werror)
endif()
add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)

if(CR_SANITIZE OR CR_FUZZ)
    set(sanitizers ${CR_SANITIZE})
    if(CR_FUZZ)
        string(JOIN "," sanitizers ${CR_SANITIZE} fuzzer-no-link)
    endif()
    # With sanitizers on, the optimiser sees null pointers in the checks themselves and
    # fortified calls would hide memory errors from them: so neither is asked for.
    add_compile_options(-fsanitize=${sanitizers} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${sanitizers})
else()
    # Where it was built does not change the program. In gdb: set substitute-path /usr/src/creto .
    add_compile_options(
        $<$<NOT:$<CONFIG:Debug>>:-fdebug-prefix-map=${CMAKE_SOURCE_DIR}=/usr/src/creto>)
    add_compile_options(-Wnull-dereference -U_FORTIFY_SOURCE)
    add_compile_options($<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
    cr_try_flags(-fstack-clash-protection -fcf-protection=full -fstrict-flex-arrays=3
        -ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks)
endif()
