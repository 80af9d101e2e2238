#!/usr/bin/perl
# The SMSC of Net::SMPP, which does what it is told on its input and says what comes back.
#
# It prints {"port"}, lets one client after another bind, and prints {"bound"}. A line of input is
# a JSON object with `send` (the name of a method of Net::SMPP, with its arguments in `options`) or
# `raw` (octets in hex), and `read`: how many PDUs to read then and to print, as
# {"cmd", "status", "seq"}, or {"closed"}; an unbind is answered. {"accept": 1} waits for the next client.
use strict;
use warnings;
use JSON::PP;
use Net::SMPP;

$| = 1;
my %binds = (1 => 'bind_receiver', 9 => 'bind_transceiver');
my $json = JSON::PP->new->canonical->latin1;
my $listen = Net::SMPP->new_listen('127.0.0.1', port => 0, smpp_version => 0x34)
    or die "cannot listen: $!";
my $client;

sub say_json { print $json->encode($_[0]), "\n" }

sub accept_client {
    $client = $listen->accept or die "nobody came: $!";
    $client->set_version(0x34);
    my $bind = $client->read_pdu or die "no bind";
    my $answer = "$binds{$bind->{cmd}}_resp";
    $client->$answer(seq => $bind->{seq}, status => 0, system_id => 'perl');
    say_json({ bound => $binds{$bind->{cmd}}, system_id => $bind->{system_id} });
}

sub read_pdus {
    for (1 .. $_[0]) {
        my $pdu = $client->read_pdu;
        return say_json({ closed => 1 }) unless $pdu;
        $client->unbind_resp(seq => $pdu->{seq}, status => 0) if $pdu->{cmd} == 6;
        say_json({ cmd => $pdu->{cmd}, status => $pdu->{status}, seq => $pdu->{seq} });
    }
}

say_json({ port => $listen->sockport });
accept_client();
while (my $line = <STDIN>) {
    my $told = $json->decode($line);
    if (my $name = $told->{send}) {
        $client->$name(async => 1, %{ $told->{options} });
    }
    syswrite($client, pack('H*', $told->{raw})) if defined $told->{raw};
    read_pdus($told->{read}) if $told->{read};
    accept_client() if $told->{accept};
}
