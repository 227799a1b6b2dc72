# The probe's guest for amd64: a 64 KiB ROM that stands where the firmware would (the processor starts at its
# last 16 bytes). It does what a kernel does first and says a letter on the serial port after each step, so that
# the letter that is missing names what the accelerator cannot do. Ends by QEMU's isa-debug-exit with status 33.
# guests.ts holds the assembled bytes; the adapter test assembles this file again and compares.
        .set    ROM, 0xffff0000                 # where the ROM is in memory
        .set    PML4, 0x10000
        .set    IDT, 0x13000
        .set    STACK, 0x20000

.macro  say letter
        mov     $0x3f8, %dx                     # COM1
        mov     $\letter, %al
        out     %al, %dx
.endm

        .org    0xfe00
        .code16
real:   cli
        say     'R'                             # 16-bit real mode runs
        .byte   0x66, 0x2e, 0x0f, 0x01, 0x16    # lgdtl %cs:gdt_pointer
        .word   gdt_pointer
        mov     %cr0, %eax
        or      $1, %al
        mov     %eax, %cr0
        .byte   0x66, 0xea                      # ljmpl $8, $protected
        .long   ROM + protected
        .word   8

        .code32
protected:
        mov     $0x10, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        say     'P'                             # 32-bit protected mode runs
        mov     $PML4, %edi                     # PML4, PDPT, two page directories: 5 pages with the IDT's
        xor     %eax, %eax
        mov     $0x5000 / 4, %ecx
        rep stosl
        movl    $PML4 + 0x1003, PML4            # -> PDPT
        movl    $PML4 + 0x2003, PML4 + 0x1000   # first GiB
        movl    $PML4 + 0x4003, PML4 + 0x1018   # fourth GiB
        movl    $0x00000083, PML4 + 0x2000      # 0..2 MiB, one large page
        movl    $0xffe00083, PML4 + 0x4ff8      # the last 2 MiB, the ROM among them
        movl    $0xfee00093, PML4 + 0x4fb8      # the local APIC, uncached
        mov     $PML4, %eax
        mov     %eax, %cr3
        mov     %cr4, %eax
        or      $0x620, %eax                    # PAE, OSFXSR, OSXMMEXCPT
        mov     %eax, %cr4
        mov     $0xc0000080, %ecx               # EFER
        rdmsr
        or      $0x100, %eax                    # LME
        wrmsr
        mov     %cr0, %eax
        or      $0x80000002, %eax               # PG, MP
        and     $0xfffffffb, %eax               # not EM
        mov     %eax, %cr0
        .byte   0xea                            # ljmp $0x18, $long
        .long   ROM + long
        .word   0x18

        .code64
long:   mov     $STACK, %esp
        say     'L'                             # 64-bit mode with paging runs
        mov     %rsp, %rax
        movq    %rax, %xmm0
        paddq   %xmm0, %xmm0
        movq    %xmm0, %rbx
        shr     $1, %rbx
        cmp     %rax, %rbx
        jne     stuck
        say     'S'                             # SSE2 computes
        mov     $7, %eax
        xor     %ecx, %ecx
        cpuid
        bt      $8, %ebx                        # BMI2 offered?
        jnc     timer
        mov     $4, %ecx
        mov     $3, %eax
        shlx    %ecx, %eax, %edx
        cmp     $48, %edx
        jne     stuck
        say     'B'                             # BMI2 computes, as a kernel's decompressor uses it
timer:  lea     tick(%rip), %rax                # interrupt gate 0x20
        mov     $IDT + 0x200, %edi
        mov     %ax, (%rdi)
        movl    $0x8e000018, 2(%rdi)
        shr     $16, %rax
        mov     %ax, 6(%rdi)
        movl    $0, 8(%rdi)
        lidt    idt_pointer(%rip)
        mov     $0xfee00000, %edi               # local APIC: on, and LINT0 passes the 8259's interrupts
        movl    $0x1ff, 0xf0(%rdi)
        movl    $0x700, 0x350(%rdi)
        mov     $0x11, %al                      # 8259: vectors from 0x20, only IRQ 0 open
        out     %al, $0x20
        mov     $0x20, %al
        out     %al, $0x21
        mov     $0x04, %al
        out     %al, $0x21
        mov     $0x01, %al
        out     %al, $0x21
        mov     $0xfe, %al
        out     %al, $0x21
        mov     $0x34, %al                      # 8254 channel 0, mode 2, 1 kHz
        out     %al, $0x43
        mov     $0xa9, %al
        out     %al, $0x40
        mov     $0x04, %al
        out     %al, $0x40
        sti
stuck:  hlt
        jmp     stuck
tick:   say     'T'                             # the timer interrupts
        mov     $'\n', %al
        out     %al, %dx
        mov     $0xf4, %dx                      # isa-debug-exit: status (0x10 << 1) | 1 = 33
        mov     $0x10, %al
        out     %al, %dx
        jmp     stuck

        .balign 8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff              # 0x08: 32-bit code, flat
        .quad   0x00cf93000000ffff              # 0x10: data, flat
        .quad   0x00af9b000000ffff              # 0x18: 64-bit code
gdt_pointer:
        .word   31
        .long   ROM + gdt
idt_pointer:
        .word   0xfff
        .quad   IDT

        .org    0xfff0
        .code16
        jmp     real
        .org    0x10000
