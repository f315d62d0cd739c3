# Five readings of a sensor in a file of the current directory. The sensor may be any machine's.
cat /dev/sensor2 | head -n 5 > s.log
wc -l < s.log
