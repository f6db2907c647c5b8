// pion_dtls.go - a client of pion over DTLS: an allocation, COUNT messages to a peer in this program
// that sends them back.
//
//	pion_dtls SERVER USER PASSWORD REALM PEER COUNT
//
// The last line says how many came back; the exit status is 0 if all did.
package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/pion/dtls/v2"
	"github.com/pion/turn/v2"
)

func must(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func echo(conn net.PacketConn) {
	buf := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		_, _ = conn.WriteTo(buf[:n], from)
	}
}

func main() {
	if len(os.Args) != 7 {
		os.Exit(2)
	}
	server, err := net.ResolveUDPAddr("udp4", os.Args[1])
	must(err, "server")
	count, err := strconv.Atoi(os.Args[6])
	must(err, "count")
	peer, err := net.ListenPacket("udp4", os.Args[5]+":0")
	must(err, "peer")
	go echo(peer)

	association, err := dtls.Dial("udp4", server, &dtls.Config{InsecureSkipVerify: true})
	must(err, "handshake")
	client, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: os.Args[1],
		TURNServerAddr: os.Args[1],
		Conn:           turn.NewSTUNConn(association),
		Username:       os.Args[2],
		Password:       os.Args[3],
		Realm:          os.Args[4],
	})
	must(err, "client")
	must(client.Listen(), "listen")
	relayed, err := client.Allocate()
	must(err, "allocate")

	received := 0
	buf := make([]byte, 2048)
	for i := 0; i < count; i++ {
		message := bytes.Repeat([]byte{byte(i)}, 160)
		_, err = relayed.WriteTo(message, peer.LocalAddr())
		must(err, "send")
		must(relayed.SetReadDeadline(time.Now().Add(10*time.Second)), "deadline")
		n, _, err := relayed.ReadFrom(buf)
		must(err, "receive")
		if bytes.Equal(buf[:n], message) {
			received++
		}
	}
	must(relayed.Close(), "release")
	client.Close()
	_ = association.Close()
	fmt.Printf("%d of %d\n", received, count)
	if received != count {
		os.Exit(1)
	}
}
