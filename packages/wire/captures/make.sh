#!/bin/sh
# Makes the captures beside this file anew: real programs talk between two network namespaces joined by a veth
# pair with its offloads off (so that checksums are whole), and tcpdump records. Needs root, tcpdump, iproute2,
# ethtool, iptables, iputils-ping, iperf3, bind9, bind9-dnsutils, radvd, udhcpc, isc-dhcp-client, dhcpcd-base, dnsmasq-base.
#   unshare -mn sh make.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
a=wire-a-$$ b=wire-b-$$
started=
stop() {
	for pid in $started; do kill "$pid" 2>/dev/null || true; done
	started=
}
cleanup() {
	stop
	ip netns del $a 2>/dev/null || true
	ip netns del $b 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
# In the namespace mount of our own, so that nothing of this is seen outside.
mount -t tmpfs none /run
ip netns add $a
ip netns add $b
ip link add eth0 address 52:54:00:00:00:0a netns $a type veth peer name eth0 address 52:54:00:00:00:0b netns $b
A="ip netns exec $a" B="ip netns exec $b"
for n in "$A" "$B"; do
	$n ip link set lo up
	$n ethtool -K eth0 tx off rx off tso off gso off gro off >/dev/null
	$n sysctl -qw net.ipv6.conf.eth0.accept_dad=0 net.ipv6.conf.eth0.router_solicitation_delay=0
done

# record NAME FILTER: from now until `recorded`.
record() {
	$B tcpdump -Z root -i eth0 -U --immediate-mode -s 0 -w "$work/$1.pcap" "$2" 2>"$work/tcpdump.log" &
	recorder=$!
	name=$1
	while ! grep -q listening "$work/tcpdump.log" 2>/dev/null; do sleep 0.05; done
}
recorded() {
	sleep 0.5
	kill -INT $recorder
	wait $recorder || true
	# The first packets are enough, and keep the files small.
	tcpdump -Z root -r "$work/$name.pcap" -c "$1" -w "$here/$name.pcap" 2>/dev/null
	: >"$work/tcpdump.log"
	stop
}

$B ip link set eth0 up
record neighbors "ip6"
$A ip link set eth0 up
$A ip addr add 10.9.0.1/24 dev eth0
$B ip addr add 10.9.0.2/24 dev eth0
$A ip addr add fd00:9::1/64 dev eth0 nodad
$B ip addr add fd00:9::2/64 dev eth0 nodad
sleep 1
$B ping -W 1 -q -c 2 fd00:9::1 >/dev/null
$B ping -W 1 -q -c 1 -s 3000 fd00:9::1 >/dev/null
recorded 40

record arp-icmp "arp or icmp"
$B ping -W 1 -q -c 2 10.9.0.1 >/dev/null
$B ping -W 1 -q -c 1 -s 4000 10.9.0.1 >/dev/null
$B ping -W 1 -q -c 1 -n -R 10.9.0.1 >/dev/null
$B ping -W 1 -q -c 1 -T tsonly 10.9.0.1 >/dev/null
$B ping -W 1 -q -c 1 10.9.0.77 >/dev/null || true
$B dig +tries=1 +time=1 -p 9 @10.9.0.1 example.test >/dev/null || true
recorded 60

record fragments "ip6 proto 44 or ip[6:2] & 0x3fff != 0"
$B ping -W 1 -q -c 1 -s 3000 fd00:9::1 >/dev/null
$B ping -W 1 -q -c 1 -s 3000 10.9.0.1 >/dev/null
recorded 20

record tcp "tcp"
$A iperf3 -s -1 >/dev/null 2>&1 &
started="$started $!"
sleep 0.5
# Every 15th packet is lost on its way in, so that selective acknowledgments are seen.
$A iptables -A INPUT -p tcp -m statistic --mode nth --every 15 --packet 0 -j DROP
$B iperf3 -c 10.9.0.1 -n 200K -l 8K >/dev/null
$A iptables -F INPUT
$B curl -s --max-time 2 http://10.9.0.1:81/ >/dev/null 2>&1 || true
recorded 120

record tcp6 "ip6 proto 6"
$A iperf3 -s -1 >/dev/null 2>&1 &
started="$started $!"
sleep 0.5
$B iperf3 -R -c fd00:9::1 -n 40K -l 8K >/dev/null
recorded 60

cat >"$work/named.conf" <<-EOF
	options { directory "$work"; listen-on { 10.9.0.1; }; listen-on-v6 { none; }; recursion no; check-names primary ignore; pid-file none;
	  session-keyfile "$work/key"; dnssec-validation no; minimal-responses no; };
	zone "example.test" { type primary; file "$work/zone"; };
	zone "0.9.10.in-addr.arpa" { type primary; file "$work/reverse"; };
EOF
cat >"$work/zone" <<-'EOF'
	$TTL 300
	@ SOA ns1 hostmaster 2026112401 3600 900 604800 60
	@ NS ns1
	@ NS ns2.example.test.
	ns1 A 10.9.0.1
	ns1 AAAA fd00:9::1
	ns2 A 10.9.0.2
	@ MX 10 mail
	@ MX 20 backup.mail
	mail A 10.9.0.3
	backup.mail A 10.9.0.4
	www CNAME web.example.test.
	web A 10.9.0.5
	web A 10.9.0.6
	web AAAA fd00:9::5
	text TXT "v=spf1 -all" "a second string with \"quotes\" and \007"
	_http._tcp SRV 5 10 8080 web
	svc HTTPS 1 . alpn=h2,h3 port=8443 ipv4hint=10.9.0.5 ipv6hint=fd00:9::5
	alias HTTPS 0 web
	odd\.label A 10.9.0.7
EOF
i=0
while [ $i -lt 60 ]; do echo "many A 10.9.1.$i" >>"$work/zone"; i=$((i + 1)); done
cat >"$work/reverse" <<-'EOF'
	$TTL 300
	@ SOA ns1.example.test. hostmaster.example.test. 1 3600 900 604800 60
	@ NS ns1.example.test.
	5 PTR web.example.test.
EOF
chmod 755 "$work"
$A named -g -c "$work/named.conf" >"$work/named.log" 2>&1 &
started="$started $!"
while ! grep -q running "$work/named.log"; do sleep 0.1; done
record dns "udp port 53"
ask() { $B dig +tries=1 +time=2 @10.9.0.1 "$@" >/dev/null; }
ask example.test SOA
ask example.test NS
ask example.test MX
ask example.test ANY +bufsize=4096
ask www.example.test A
ask web.example.test A +noedns
ask web.example.test AAAA +dnssec
ask text.example.test TXT
ask _http._tcp.example.test SRV
ask svc.example.test HTTPS
ask alias.example.test HTTPS
ask -x 10.9.0.5
ask 'odd\.label.example.test' A
# Not asked: names in mixed case, of which BIND shares less than could be shared.
ask none.example.test A
ask elsewhere.test A
ask many.example.test A +noedns +ignore
recorded 100

cat >"$work/radvd.conf" <<-EOF
	interface eth0 { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvLinkMTU 1400; AdvOtherConfigFlag on;
	  AdvDefaultPreference high; prefix fd00:9::/64 { AdvOnLink on; AdvAutonomous on; };
	  route fd00:a::/48 { AdvRoutePreference low; AdvRouteLifetime 600; };
	  RDNSS fd00:9::1 fd00:9::2 { AdvRDNSSLifetime 900; }; DNSSL lan.test home.test { AdvDNSSLLifetime 900; }; };
EOF
chmod 644 "$work/radvd.conf"
$A sysctl -qw net.ipv6.conf.all.forwarding=1
record router "ip6"
$A radvd -n -C "$work/radvd.conf" -p "$work/radvd.pid" -m stderr >"$work/radvd.log" 2>&1 &
started="$started $!"
$B sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
$B sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0
sleep 4
recorded 20

$B ip addr flush dev eth0 scope global
$A dnsmasq -k -p 0 -C /dev/null -i eth0 -u root -l "$work/leases" --dhcp-authoritative --enable-ra \
	--dhcp-range=10.9.0.50,10.9.0.60,600 --dhcp-range=fd00:9::,ra-stateless --domain=lan.test \
	--dhcp-option=option:dns-server,10.9.0.1,10.9.0.2 --dhcp-option=option:domain-search,lan.test,home.test \
	--dhcp-option=option:ntp-server,10.9.0.1 --dhcp-option=option:mtu,1400 \
	--dhcp-option=option:classless-static-route,0.0.0.0/0,10.9.0.1,10.10.0.0/20,10.9.0.2 \
	--dhcp-option=option6:dns-server,[fd00:9::1] --dhcp-option=option6:domain-search,lan.test,home.test \
	>"$work/dnsmasq.log" 2>&1 &
served=$!
sleep 1
record dhcpv4 "udp port 67"
timeout 20 $B udhcpc -i eth0 -n -q -f -s /bin/true -x hostname:guest >/dev/null 2>&1 || true
timeout 20 $B dhclient -4 -1 -d -sf /bin/true -lf "$work/dhclient.leases" -pf "$work/dhclient.pid" eth0 >"$work/dhclient.log" 2>&1 &
sleep 6
kill $! 2>/dev/null || true
recorded 30
record dhcpv6 "udp port 547"
timeout 20 $B dhclient -6 -S -1 -d -sf /bin/true -lf "$work/dhclient6.leases" -pf "$work/dhclient6.pid" eth0 >/dev/null 2>&1 || true
recorded 10
kill $served
ls -l "$here"/*.pcap
