# The probe's guest for arm64 on QEMU's `virt` machine, loaded as a flat kernel: speaks on the PL011 serial port,
# turns the generic timer's count over, and powers off through PSCI.
        .text
start:  movz    x1, #0x0900, lsl #16            // PL011 data register
        mov     w0, #'S'                        // code runs
        str     w0, [x1]
        mrs     x2, cntvct_el0
1:      mrs     x3, cntvct_el0
        cmp     x3, x2
        b.eq    1b
        mov     w0, #'T'                        // time passes
        str     w0, [x1]
        mov     w0, #'\n'
        str     w0, [x1]
        movz    w0, #0x0008                     // PSCI SYSTEM_OFF 0x84000008
        movk    w0, #0x8400, lsl #16
        hvc     #0
2:      wfi
        b       2b
