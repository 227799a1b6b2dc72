# The probe's guest for riscv64 on QEMU's `virt` machine, loaded as a flat firmware at 0x80000000: speaks on the
# 16550 serial port, waits until the time counter has moved, and powers off through the test finisher.
        .text
start:  lui     t0, 0x10000             # 16550 at 0x10000000
        li      t1, 'S'                 # code runs
        sb      t1, 0(t0)
        rdtime  t2
1:      rdtime  t3
        beq     t2, t3, 1b
        li      t1, 'T'                 # time passes
        sb      t1, 0(t0)
        li      t1, '\n'
        sb      t1, 0(t0)
        lui     t0, 0x100               # test finisher at 0x100000
        li      t1, 0x5555              # FINISHER_PASS
        sw      t1, 0(t0)
2:      wfi
        j       2b
