# A guest of one disk sector for the tests of a machine's life, started by SeaBIOS on q35. Says `ready` on the serial
# port, says back what is typed, powers off on the ACPI power button after a `bye`, and on a typed `q` at once.
# A typed `h` makes it deaf to the button. tiny-guest.ts holds the assembled bytes.
        .code16
        .org    0
start:  xor     %ax, %ax
        mov     %ax, %ds
        mov     $0x602, %dx             # PM1 enable: power button
        mov     $0x100, %ax
        out     %ax, %dx
        mov     $0x7c00 + ready, %si
        call    print
loop:   mov     $0x3fd, %dx             # line status: a byte received?
        in      %dx, %al
        test    $1, %al
        jz      button
        mov     $0x3f8, %dx
        in      %dx, %al
        cmp     $'h', %al
        je      deaf
        cmp     $'q', %al
        je      off
        out     %al, %dx
button: mov     $0x600, %dx             # PM1 status: power button pressed?
        in      %dx, %ax
        test    $0x100, %ax
        jz      loop
        mov     $0x7c00 + bye, %si
        call    print
off:    mov     $0x604, %dx             # PM1 control: sleep type 0 is S5 on QEMU
        mov     $0x2000, %ax
        out     %ax, %dx
deaf:   cli
        mov     $0x3f8, %dx
        out     %al, %dx
1:      hlt
        jmp     1b
print:  mov     $0x3f8, %dx
2:      lodsb
        test    %al, %al
        jz      3f
        out     %al, %dx
        jmp     2b
3:      ret
ready:  .asciz  "ready\n"
bye:    .asciz  "bye\n"
        .org    510
        .word   0xaa55
