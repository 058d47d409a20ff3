package planner

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
)

// Replicas get fixed addresses on the project's own subnet (docs/architecture.md): a restarted container keeps its
// address, and nginx needs no DNS to start. The lower half of the subnet is for them; the engine gives addresses of the
// upper half to whoever else joins the network.

// subnetPool is where project subnets are taken from: /24 networks of a private range that the engine's own default
// pools (172.17.0.0/12 and 192.168.0.0/16) do not touch.
var subnetPool = netip.MustParsePrefix("10.213.0.0/16")

// chooseSubnet returns the first free /24 of the pool, beginning at one that depends on the project's name, so that
// projects started at the same instant do not choose the same.
func chooseSubnet(name string, taken []netip.Prefix) (netip.Prefix, error) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	first := h.Sum32()
	base := subnetPool.Addr().As4()
	for i := range uint32(256) {
		base[2] = byte(first + i)
		candidate := netip.PrefixFrom(netip.AddrFrom4(base), 24)
		if !slices.ContainsFunc(taken, candidate.Overlaps) {
			return candidate, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("choosing a subnet for network %q: all of %s is in use; set networks.<name>.ipam.config.subnet", name, subnetPool)
}

// dynamicRange is the upper half of a subnet.
func dynamicRange(subnet netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(nth(subnet, 1<<(31-subnet.Bits())), subnet.Bits()+1)
}

// nth returns the n-th address of a subnet.
func nth(subnet netip.Prefix, n uint32) netip.Addr {
	base := subnet.Masked().Addr().As4()
	var out [4]byte
	binary.BigEndian.PutUint32(out[:], binary.BigEndian.Uint32(base[:])+n)
	return netip.AddrFrom4(out)
}

// addressBook gives out the addresses of one network.
type addressBook struct {
	network string
	subnet  netip.Prefix
	taken   map[netip.Addr]bool
}

// hasFree reports whether there is an address left; a network without a book has none to give.
func (b *addressBook) hasFree() bool {
	if b == nil {
		return false
	}
	for n := uint32(2); n < 1<<(31-b.subnet.Bits()); n++ {
		if !b.taken[nth(b.subnet, n)] {
			return true
		}
	}
	return false
}

// next returns the lowest free address of the lower half; the first is the gateway's.
func (b *addressBook) next() (netip.Addr, error) {
	for n := uint32(2); n < 1<<(31-b.subnet.Bits()); n++ {
		if address := nth(b.subnet, n); !b.taken[address] {
			b.taken[address] = true
			return address, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("choosing an address on network %q: no free one in %s", b.network, b.subnet)
}

// address gives a replica its fixed addresses: those of the Compose file, else those it has, else the next free ones.
func (p *planner) address(d *decision) error {
	for _, key := range d.networkKeys() {
		if config := d.service.Networks[key]; config != nil && config.Ipv4Address != "" {
			wanted, err := netip.ParseAddr(config.Ipv4Address)
			if err != nil {
				return fmt.Errorf("reading ipv4_address of service %q: %w", d.service.Name, err)
			}
			d.setAddress(key, wanted)
			continue
		}
		book := p.resources.books[key]
		if book == nil {
			continue
		}
		if d.old != nil && d.fate != rolling {
			if have := d.old.Addresses[d.networkName(key)]; book.subnet.Contains(have) && p.resources.renewed[key] == "" && p.observed.Holder(*d.old, d.networkName(key)) == "" {
				d.setAddress(key, have)
				continue
			}
		}
		address, err := book.next()
		if err != nil {
			return err
		}
		d.setAddress(key, address)
	}
	return nil
}
